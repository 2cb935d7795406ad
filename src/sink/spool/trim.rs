//! What the spool may hold: octets, age, and what must stay free on the file system. The oldest go first, each is counted
//! for every output that had not had it, and the loss is noted in the same transaction.

use super::claims::{Claims, Held};
use super::loss::{lost, tell_again};
use super::store::{Store, forget};
use super::{Limits, lost_metric};
use nix::sys::statvfs::statvfs;
use rusqlite::{OptionalExtension, params};
use std::path::Path;

/// How many go in one transaction.
const AT_ONCE: i64 = 2_000;
/// How often that many delivered events are deleted at once.
const FORGET: usize = 5;
/// What the spool may always have, however full the file system is.
const FLOOR: u64 = 1 << 20;
/// How many pages are given back to the file system at once.
const PAGES: i64 = 1_000;

/// What the file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// Octets in use.
    pub(super) used: u64,
    /// Octets of pages that are free within the file.
    pub(super) free: u64,
}

impl Store {
    /// What the file holds, without reading it.
    pub(super) fn size(&self) -> rusqlite::Result<Size> {
        let number = |name: &str| self.connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, u64>(0));
        let (page, pages, free) = (number("page_size")?, number("page_count")?, number("freelist_count")?);
        Ok(Size { used: pages.saturating_sub(free) * page, free: free * page })
    }

    /// Deletes what every output has had, and what is too old or too much.
    pub(super) fn tend(
        &mut self,
        limits: &Limits,
        directory: &Path,
        now: i64,
        claims: &Claims,
    ) -> rusqlite::Result<()> {
        self.forget_delivered(limits, now)?;
        let held = claims.all();
        let oldest = now.saturating_sub(limits.max_age);
        while let Some(seq) = self.first_is_older_than(oldest)?.then(|| self.older_than(oldest)).transpose()?.flatten()
        {
            self.drop_up_to(seq, "too_old", &held)?;
        }
        self.connection.execute("DELETE FROM dead WHERE time < ?1", [oldest])?;
        self.fit(limits.max_bytes, "spool_full", &held)?;
        let size = self.size()?;
        let short = limits.min_free.saturating_sub(available(directory));
        if short > 0 {
            if short > size.free {
                self.fit(size.used.saturating_sub(short - size.free).max(FLOOR), "disk_full", &held)?;
            }
            self.give_back()?;
        } else if size.free > size.used.max(FLOOR * 4) {
            self.give_back()?;
        }
        Ok(())
    }

    fn first_is_older_than(&self, time: i64) -> rusqlite::Result<bool> {
        self.connection
            .prepare_cached("SELECT 1 FROM (SELECT time FROM event ORDER BY seq LIMIT 1) WHERE time < ?1")?
            .exists([time])
    }

    /// The last of the first events that came before this.
    fn older_than(&self, time: i64) -> rusqlite::Result<Option<i64>> {
        self.connection
            .prepare_cached("SELECT max(seq) FROM (SELECT seq, time FROM event ORDER BY seq LIMIT ?1) WHERE time < ?2")?
            .query_row(params![AT_ONCE, time], |row| row.get(0))
    }

    pub(super) fn give_back(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))
    }

    /// What nothing new made room for. Bounded, as new events wait meanwhile.
    fn forget_delivered(&mut self, limits: &Limits, now: i64) -> rusqlite::Result<()> {
        for _ in 0..FORGET {
            let transaction = self.connection.transaction()?;
            let gone = forget(&transaction, now.saturating_sub(limits.keep), AT_ONCE as usize)?;
            transaction.commit()?;
            if gone == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Deletes the oldest until at most so many octets are in use.
    pub(super) fn fit(&mut self, most: u64, reason: &'static str, held: &Held<'_>) -> rusqlite::Result<()> {
        loop {
            let used = self.size()?.used;
            if used <= most {
                return Ok(());
            }
            let (first, last): (Option<i64>, Option<i64>) =
                self.connection
                    .query_row("SELECT min(seq), max(seq) FROM event", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let (Some(first), Some(last)) = (first, last) else {
                // Only what was refused is left.
                let sql = "DELETE FROM dead WHERE number IN (SELECT number FROM dead ORDER BY number LIMIT 100)";
                if self.connection.execute(sql, [])? == 0 {
                    return Ok(());
                }
                continue;
            };
            // So many as are too many by their mean size, and a little more.
            let share = (used - most) as f64 / used as f64 + 0.02;
            let count = (((last - first + 1) as f64 * share).ceil() as i64).clamp(1, AT_ONCE);
            self.drop_up_to(first + count - 1, reason, held)?;
        }
    }

    /// Deletes events up to this one; for an output that had neither had nor read them they are lost.
    pub(super) fn drop_up_to(&mut self, seq: i64, reason: &'static str, held: &Held<'_>) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        let outputs: Vec<(String, i64)> = transaction
            .prepare_cached("SELECT name, seq FROM output WHERE seq < ?1")?
            .query_map([seq], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let mut counted = Vec::new();
        for (name, cursor) in outputs {
            let from = cursor.max(held.by(&name));
            let gone: Option<(u64, i64, i64)> = transaction
                .prepare_cached(
                    "SELECT count(*), min(time), max(time) FROM event
                     WHERE seq > ?1 AND seq <= ?2 AND (only_for IS NULL OR only_for = ?3) AND seq NOT IN (SELECT seq FROM told)
                     HAVING count(*) > 0",
                )?
                .query_row(params![from, seq, name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            // What it was to be told of losses, it will be told.
            tell_again(&transaction, &name, (from, seq))?;
            if let Some((count, first, last)) = gone {
                lost(&transaction, &name, reason, count, (first, last))?;
                transaction
                    .execute("UPDATE output SET dropped = dropped + ?2 WHERE name = ?1", params![name, count])?;
                counted.push((name.clone(), count));
            }
            transaction.execute("UPDATE output SET seq = ?2 WHERE name = ?1", params![name, seq])?;
        }
        transaction.execute("DELETE FROM told WHERE seq <= ?1", [seq])?;
        transaction.execute("DELETE FROM event WHERE seq <= ?1", [seq])?;
        transaction.commit()?;
        counted.iter().for_each(|(name, count)| lost_metric(name, reason, *count));
        Ok(())
    }
}

/// What others than root may still write there, in octets; without an answer, enough.
pub(super) fn available(directory: &Path) -> u64 {
    statvfs(directory).map_or(u64::MAX, |stat| stat.blocks_available().saturating_mul(stat.fragment_size()))
}

#[cfg(test)]
mod tests {
    use super::super::Pending;
    use super::*;

    fn store(folder: &Path, outputs: &[&str]) -> Store {
        let mut store = Store::open(&folder.join("spool.db")).unwrap();
        store.register(&outputs.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        store
    }

    fn fill(store: &mut Store, count: i64, octets: usize) {
        let from = store.last().unwrap();
        let event = |n: i64| Pending { time: n, id: format!("{n}"), body: "x".repeat(octets) };
        let events: Vec<Pending> = (from + 1..=from + count).map(event).collect();
        store.commit(&events, from, &[], &[], 0).unwrap();
    }

    fn losses(store: &Store) -> Vec<(String, String, u64)> {
        let mut rows = store.connection.prepare("SELECT output, reason, count FROM loss ORDER BY 1, 2").unwrap();
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap().map(Result::unwrap).collect()
    }

    const WIDE: Limits = Limits { max_bytes: 1 << 40, max_age: 1 << 40, min_free: 0, keep: 0 };

    #[test]
    fn the_oldest_go_and_are_counted_for_those_who_had_not_had_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(folder.path(), &["a", "b"]);
        fill(&mut store, 1_000, 1_000);
        store.connection.execute("UPDATE output SET seq = 900 WHERE name = 'a'", []).unwrap();
        store.tend(&Limits { max_bytes: 500_000, ..WIDE }, folder.path(), 0, &Claims::new(&[])).unwrap();
        assert!(store.size().unwrap().used <= 500_000);
        let kept: i64 = store.connection.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
        assert!(kept > 300, "only {kept} were kept");
        let lost = u64::try_from(1_000 - kept).unwrap();
        assert_eq!(losses(&store), [("b".to_owned(), "spool_full".to_owned(), lost)]);
        assert_eq!(store.cursors().unwrap()["a"], 900);
    }

    #[test]
    fn the_old_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(folder.path(), &["a"]);
        fill(&mut store, 10, 10);
        store.tend(&Limits { max_age: 100, ..WIDE }, folder.path(), 105, &Claims::new(&[])).unwrap();
        assert_eq!(losses(&store), [("a".to_owned(), "too_old".to_owned(), 4)]);
        assert_eq!(store.cursors().unwrap()["a"], 4);
    }

    #[test]
    fn a_loss_is_told_again_to_those_who_could_not_hear_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(folder.path(), &["a", "b"]);
        fill(&mut store, 10, 10);
        let held = Claims::new(&[]);
        store.drop_up_to(10, "spool_full", &held.all()).unwrap();
        let tell = |store: &mut Store| {
            let event = || Pending { time: 11, id: "loss".into(), body: "{}".into() };
            let losses: Vec<_> = store.untold().unwrap().into_iter().map(|loss| (loss, event())).collect();
            let from = store.last().unwrap();
            store.report(&losses, from).unwrap();
        };
        tell(&mut store);
        assert_eq!(losses(&store), []);
        // a hears of its loss and of b's; b of neither, and of two events more.
        let told = store.last().unwrap();
        store.connection.execute("UPDATE output SET seq = ?1 WHERE name = 'a'", [told]).unwrap();
        fill(&mut store, 2, 10);
        store.connection.execute("UPDATE output SET seq = ?1 WHERE name = 'a'", [told + 2]).unwrap();
        for _ in 0..3 {
            let last = store.last().unwrap();
            store.drop_up_to(last, "spool_full", &held.all()).unwrap();
            let again = store.untold().unwrap();
            let mut again: Vec<_> = again
                .iter()
                .map(|untold| (untold.loss.output.as_deref().unwrap(), &*untold.tell, untold.loss.count))
                .collect();
            again.sort_unstable();
            let of_b: u64 = again.iter().filter(|(output, ..)| *output == "b").map(|(.., count)| count).sum();
            assert_eq!(of_b, 12, "{again:?}");
            assert!(again.iter().all(|(output, tell, _)| *tell == "b" || *output == "b"), "{again:?}");
            tell(&mut store);
            assert!(store.untold().unwrap().is_empty());
            // a has heard enough.
            let last = store.last().unwrap();
            store.connection.execute("UPDATE output SET seq = ?1 WHERE name = 'a'", [last]).unwrap();
        }
    }

    #[test]
    fn what_all_have_had_goes_without_a_loss_and_numbers_are_never_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(folder.path(), &["a", "b"]);
        fill(&mut store, 10, 10);
        store.connection.execute("UPDATE output SET seq = 10", []).unwrap();
        store.tend(&Limits { keep: 95, ..WIDE }, folder.path(), 100, &Claims::new(&[])).unwrap();
        let first: i64 = store.connection.query_row("SELECT min(seq) FROM event", [], |row| row.get(0)).unwrap();
        assert_eq!(first, 6, "what is to be kept a while");
        store.tend(&WIDE, folder.path(), 100, &Claims::new(&[])).unwrap();
        assert_eq!(store.last().unwrap(), 10);
        assert_eq!(losses(&store), []);
    }
}
