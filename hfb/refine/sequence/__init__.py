"""What consecutive photos of one person know of each other (section 3.2)."""
