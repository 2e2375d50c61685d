"""Images, mattes and cameras as people have them, read and checked; shared by all sources."""
