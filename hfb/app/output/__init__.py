"""Where results go: the folder of a run, its log, and who writes into them."""
