"""How a fit goes: every choice, its stages, its step sizes."""
