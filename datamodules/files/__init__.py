"""Reading and writing files of images, clips, arrays and samples.

Files come from anywhere: whatever is wrong with one is an `InputError` of one line, nothing is
unpickled that could run, and nothing is loaded that does not fit the memory.
"""
