"""The renderer of the CPU: compiled loops, a thread a sub-frame, a backward pass by hand."""
