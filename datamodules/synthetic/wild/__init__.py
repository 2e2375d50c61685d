"""Photos as wrong as the world: what a fit's model of people, places and cameras lacks."""
