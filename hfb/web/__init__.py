"""`hfb app`: a page in the browser that takes a photo or a clip and gives report and files.

What a stranger sends is looked at before it is stored (`gate`, `uploads`), is read in a process of
its own (`jobs`) and is deleted with the visit.
"""
