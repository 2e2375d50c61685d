"""`hfb view`: a finished run in 3D, live in the browser, from the files that it left."""
