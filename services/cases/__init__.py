"""Cases, signals under review, and their audit trail, in a database: SQLite, or PostgreSQL where several people work at once."""
