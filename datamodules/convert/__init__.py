"""Other tools' results written in the formats that this project reads."""
