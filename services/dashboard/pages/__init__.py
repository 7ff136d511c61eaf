"""The pages, a module each, in the order of the navigation."""
