"""Reading and writing files of images, clips, arrays and samples; what may be read at all."""
