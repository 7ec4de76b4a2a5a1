"""One pack of redaction rules for all that shows or sends telemetry; standard library only."""
