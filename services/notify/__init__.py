"""Tells people and machines of alerts: webhooks, chat, e-mail, other Kafka topics. Nothing is lost while one of them is away."""
