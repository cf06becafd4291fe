-- What a copy of the database delivers is told apart from what its original does: both go on from
-- the same number. A delivery's key is made from the database_id of the last series that begins at
-- its number or before; without any series, of the setting.
CREATE TABLE delivery_series (
  first_delivery INTEGER PRIMARY KEY,
  database_id    TEXT NOT NULL
) STRICT;

-- Of deliveries message.created that were erased after their time, how they had ended is counted in
-- `tally` under 'message done', 'message failed' and 'message cancelled', so that the accounts of
-- their days stay what they were.

-- Portals that were uninstalled with CLEAN, whose rows are still being erased, a few at a time.
CREATE TABLE erasure (
  portal_id INTEGER PRIMARY KEY
) STRICT;
