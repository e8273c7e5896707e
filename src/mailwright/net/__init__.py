"""How we reach others: DNS, SMTP out, webhooks, TLS."""
