"""Several people in one photo or clip: who moves where, who is who, and one of them alone."""
