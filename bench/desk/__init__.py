"""A desk of fifty calls: what is said there, the page in a browser, and what that costs."""
