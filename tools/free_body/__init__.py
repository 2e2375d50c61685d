"""Steps that turn MakeHuman's open data into the free SMPL-format body."""
