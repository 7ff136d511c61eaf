"""Who may do what: people, roles, sessions, tokens. Everything that nobody is given is denied."""
