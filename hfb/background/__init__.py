"""The scene without the person, brought to its photo: view, exposure, white balance and tone."""
