"""Starting poses that other programs have written."""
