"""Finding the person: BlazePose, searched over regions and rotations, and its landmarks."""
