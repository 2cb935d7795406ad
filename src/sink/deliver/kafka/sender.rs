//! Records to a topic: each to the partition of its key, in order, and what became of each.

use super::super::{Item, Piece, Sent};
use super::cluster::{Cluster, Kind, Topic, Trouble, failed};
use super::produce::{self, Fate, Part};
use super::{KafkaSpec, partition};
use crate::sink::Endpoint;
use crate::sink::encode::Format;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How long a broker may make us wait before the next request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A topic at work.
pub(in crate::sink) struct Kafka {
    topic: String,
    gzip: bool,
    format: &'static Format,
    /// How long brokers may take to have records everywhere.
    timeout: Duration,
    cluster: Cluster,
    /// When the broker wants the next request at the earliest.
    not_before: Option<Instant>,
}

/// For each partition the records that wait, in groups that are sent at once.
type Waiting = BTreeMap<usize, VecDeque<Vec<usize>>>;

impl Kafka {
    pub(in crate::sink) fn new(spec: &KafkaSpec, format: &'static Format, timeout: Duration) -> Self {
        let (topic, gzip) = (spec.topic.clone(), spec.gzip);
        Self { topic, gzip, format, timeout, cluster: Cluster::new(spec.clone()), not_before: None }
    }

    pub(in crate::sink) fn reset(&mut self) {
        self.cluster.forget();
    }

    pub(in crate::sink) async fn send(&mut self, pieces: &[Piece<'_>]) -> Sent {
        if let Some(until) = self.not_before.take() {
            tokio::time::sleep_until(until.into()).await;
        }
        let known = self.cluster.is_known();
        let mut items = vec![None; pieces.len()];
        let mut trouble = self.go(pieces, &mut items).await;
        // A connection that was idle for long, a leader that changed: what is new is found out at once.
        if known && trouble.as_ref().is_some_and(|trouble| trouble.kind == Kind::Stale) {
            self.cluster.forget();
            trouble = self.go(pieces, &mut items).await;
        }
        if trouble.is_some() {
            self.cluster.forget();
        }
        verdict(items, trouble)
    }

    /// Sends what is not settled yet, and notes what became of it. The first trouble that there was.
    async fn go(&mut self, pieces: &[Piece<'_>], items: &mut [Option<Item>]) -> Option<Trouble> {
        let topic = match self.cluster.topic().await {
            Ok(topic) => topic,
            Err(trouble) => return Some(trouble),
        };
        let mut trouble = None;
        let mut waiting = self.sorted(pieces, items, &topic, &mut trouble);
        while !waiting.is_empty() {
            for (leader, partitions) in by_leader(&waiting, &topic) {
                let parts: Vec<Part<'_>> = partitions
                    .iter()
                    .filter_map(|index| Some((*index, waiting.get(index)?.front()?)))
                    .map(|(partition, group)| Part {
                        partition,
                        pieces: group.iter().filter_map(|index| pieces.get(*index)).collect(),
                    })
                    .collect();
                match self.write(&leader, &parts).await {
                    Ok(mut fates) => {
                        for index in partitions {
                            let silent =
                                || Fate::Trouble(Trouble::new(Kind::Stale, &leader, "says nothing of a partition"));
                            let fate = fates.remove(&index).unwrap_or_else(silent);
                            settle(&mut waiting, index, fate, items, &mut trouble);
                        }
                    }
                    Err(found) => {
                        for index in partitions {
                            waiting.remove(&index);
                        }
                        worse(&mut trouble, found);
                    }
                }
            }
        }
        trouble
    }

    /// The records that wait, by partition; without those of a partition that nobody leads.
    fn sorted(
        &self,
        pieces: &[Piece<'_>],
        items: &[Option<Item>],
        topic: &Topic,
        trouble: &mut Option<Trouble>,
    ) -> Waiting {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, piece) in pieces.iter().enumerate().filter(|(index, _)| items[*index].is_none()) {
            let key = piece.label.map_or(&[][..], |label| label.key.as_bytes());
            groups.entry(partition::of(key, topic.leaders.len())).or_default().push(index);
        }
        groups.retain(|index, _| {
            let led = topic.leaders[*index].is_some();
            if !led {
                worse(trouble, Trouble::new(Kind::Stale, &self.topic, format!("partition {index} has no leader")));
            }
            led
        });
        groups.into_iter().map(|(index, group)| (index, VecDeque::from([group]))).collect()
    }

    async fn write(&mut self, leader: &Endpoint, parts: &[Part<'_>]) -> Result<BTreeMap<usize, Fate>, Trouble> {
        let request = produce::request(&self.topic, parts, self.format.name, self.gzip, self.timeout);
        let link = self.cluster.link(leader).await?;
        let answer = link.request(request).await.map_err(|error| failed(leader, &error))?;
        // KIP-219: what was sent is answered, and what comes next is to wait.
        let asked = answer.throttle_time_ms.and_then(|time| u64::try_from(time.0).ok()).filter(|time| *time > 0);
        if let Some(time) = asked {
            self.not_before = Some(Instant::now() + Duration::from_millis(time).min(PATIENCE).min(self.timeout / 2));
        }
        Ok(produce::understand(leader, &self.topic, answer))
    }
}

/// Which broker gets which partitions.
fn by_leader(waiting: &Waiting, topic: &Topic) -> Vec<(Endpoint, Vec<usize>)> {
    let mut found: Vec<(Endpoint, Vec<usize>)> = Vec::new();
    for index in waiting.keys() {
        let Some(Some(leader)) = topic.leaders.get(*index) else { continue };
        match found.iter_mut().find(|(other, _)| other == leader) {
            Some((_, partitions)) => partitions.push(*index),
            None => found.push((leader.clone(), vec![*index])),
        }
    }
    found
}

/// Notes what became of the first group of a partition. A group that is refused is halved until the record is found that
/// is to blame; after trouble nothing more goes to that partition, so that its records stay in order.
fn settle(waiting: &mut Waiting, index: usize, fate: Fate, items: &mut [Option<Item>], trouble: &mut Option<Trouble>) {
    let Some(groups) = waiting.get_mut(&index) else { return };
    let Some(group) = groups.pop_front() else { return };
    let mut settled = |item: &Item| group.iter().for_each(|index| items[*index] = Some(item.clone()));
    match fate {
        Fate::Taken => settled(&Item::Taken),
        Fate::Blamed(error) if group.len() == 1 => settled(&Item::Refused(error)),
        Fate::Blamed(_) => {
            let (first, second) = group.split_at(group.len() / 2);
            groups.push_front(second.to_vec());
            groups.push_front(first.to_vec());
        }
        Fate::Trouble(found) => {
            groups.clear();
            worse(trouble, found);
        }
    }
    if groups.is_empty() {
        waiting.remove(&index);
    }
}

/// Keeps the first, unless the other needs somebody.
fn worse(trouble: &mut Option<Trouble>, found: Trouble) {
    if trouble.is_none() || found.kind == Kind::Held {
        *trouble = Some(found);
    }
}

/// What is said of all of them.
fn verdict(items: Vec<Option<Item>>, trouble: Option<Trouble>) -> Sent {
    match trouble {
        Some(Trouble { error, kind }) if items.iter().all(Option::is_none) => match kind {
            Kind::Held => Sent::Held(error),
            Kind::Later | Kind::Stale => Sent::unreachable(error),
        },
        _ if items.iter().all(|item| *item == Some(Item::Taken)) => Sent::Taken,
        _ => Sent::Each(items.into_iter().map(|item| item.unwrap_or(Item::Later)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(kind: Kind) -> Trouble {
        Trouble { error: "why".into(), kind }
    }

    #[test]
    fn a_refused_group_is_halved_in_order() {
        let mut waiting = Waiting::from([(0, VecDeque::from([vec![0, 1, 2, 3]]))]);
        let mut items = vec![None; 4];
        let mut found = None;
        let mut sent = Vec::new();
        // The broker refuses whatever the third is part of.
        while let Some(group) = waiting.get(&0).and_then(VecDeque::front).cloned() {
            sent.push(group.clone());
            let fate = if group.contains(&2) { Fate::Blamed("large".into()) } else { Fate::Taken };
            settle(&mut waiting, 0, fate, &mut items, &mut found);
        }
        assert_eq!(sent, [vec![0, 1, 2, 3], vec![0, 1], vec![2, 3], vec![2], vec![3]]);
        let refused = Some(Item::Refused("large".into()));
        assert_eq!(items, [Some(Item::Taken), Some(Item::Taken), refused, Some(Item::Taken)]);
        assert_eq!(found, None);
    }

    #[test]
    fn after_trouble_a_partition_waits_as_a_whole() {
        let groups = VecDeque::from([vec![0], vec![1]]);
        let mut waiting = Waiting::from([(0, groups), (1, VecDeque::from([vec![2]]))]);
        let mut items = vec![None; 3];
        let mut found = None;
        settle(&mut waiting, 0, Fate::Trouble(trouble(Kind::Later)), &mut items, &mut found);
        settle(&mut waiting, 1, Fate::Taken, &mut items, &mut found);
        assert!(waiting.is_empty());
        assert_eq!(items, [None, None, Some(Item::Taken)]);
        assert_eq!(verdict(items, found), Sent::Each(vec![Item::Later, Item::Later, Item::Taken]));
    }

    #[test]
    fn what_is_said_of_all() {
        assert_eq!(verdict(vec![Some(Item::Taken); 2], None), Sent::Taken);
        assert_eq!(verdict(vec![None; 2], Some(trouble(Kind::Held))), Sent::Held("why".into()));
        assert_eq!(verdict(vec![None; 2], Some(trouble(Kind::Stale))), Sent::unreachable("why".into()));
        let mut kept = Some(trouble(Kind::Later));
        worse(&mut kept, trouble(Kind::Stale));
        assert_eq!(kept, Some(trouble(Kind::Later)));
        worse(&mut kept, trouble(Kind::Held));
        assert_eq!(kept, Some(trouble(Kind::Held)));
    }
}
