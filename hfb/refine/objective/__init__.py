"""What a fit minimises: the terms of eq. 11, their targets, and on which size of image."""
