"""How the Reports API is reached: session, authentication, retries, rate limit, redaction."""
