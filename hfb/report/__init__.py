"""What a person gets to see of a result: files of a sample, images, TensorBoard."""
