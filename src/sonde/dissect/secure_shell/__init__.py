"""What follows from what SSH sides say in clear: lists, choices, fingerprints."""
