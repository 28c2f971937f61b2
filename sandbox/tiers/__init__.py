"""The isolations, one file a tier, and the choice among them."""
