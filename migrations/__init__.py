"""The database's schema as plain SQL files, `NNNN_name.sql`, applied in order by `svc migrate` and by `svc run`.

A file that has been applied anywhere is never changed: its checksum is compared. Add a new one.
"""
