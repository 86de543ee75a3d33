"""The history of the tables; run by `callcenter.database.upgrade`."""
