"""A stand-in switch for tests and demos on machines without FreeSWITCH."""
