import Testing

/// The long rehearsals: every failure of the record, every kind of drift, plans, backups and resets.
///
/// All on one cluster, and so one after the other. `make rehearse` runs them, `make test` the rest and
/// a part of these.
@Suite(.serialized) struct RehearsalTests {}
