"""Words for other services: records of calls are brought to a webhook, or to a directory."""
