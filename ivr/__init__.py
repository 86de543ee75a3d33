"""Pure: menus as data, call flows against a small Caller interface, prompts."""
