//! Ports on loopback that several control planes side by side do not fight over.
//!
//! Binding port 0 and letting go of it again is a race: two starters may be told the same number.
//! Here a port is a lock file in the project's cache, held as long as the control plane lives and
//! released by the kernel when its owner dies. The range lies below Linux' ephemeral ports, so no
//! outgoing connection takes one either.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use super::binaries::project_cache;
use super::{ControlPlaneError, io_error};

const RANGE: Range<u16> = 20_000..28_000;

/// A port that is this process's alone among all control planes of this user.
#[derive(Debug)]
pub struct ReservedPort {
    number: u16,
    _lock: File,
}

impl ReservedPort {
    /// The port's number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Reserves `N` ports that nothing listens on.
    pub fn reserve<const N: usize>() -> Result<[Self; N], ControlPlaneError> {
        let folder = project_cache().join("ports");
        fs::create_dir_all(&folder).map_err(io_error(&folder))?;
        let mut reserved = Vec::with_capacity(N);
        for number in shuffled_range() {
            let path = folder.join(number.to_string());
            let lock = File::create(&path).map_err(io_error(&path))?;
            let free =
                lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok();
            if free {
                reserved.push(Self {
                    number,
                    _lock: lock,
                });
            }
            if reserved.len() == N {
                break;
            }
        }
        reserved
            .try_into()
            .map_err(|_| ControlPlaneError::NoFreePort { range: RANGE })
    }
}

/// The range from a random place on, so that starters seldom meet and never wait on one another.
fn shuffled_range() -> impl Iterator<Item = u16> {
    let random = uuid::Uuid::new_v4().as_u128();
    let start = u16::try_from(random % RANGE.len() as u128).unwrap_or_default();
    (RANGE.start + start..RANGE.end).chain(RANGE.start..RANGE.start + start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn side_by_side_reservations_never_share_a_port() {
        let threads: Vec<_> = (0..8)
            .map(|_| std::thread::spawn(|| ReservedPort::reserve::<3>().unwrap()))
            .collect();
        let held: Vec<_> = threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect();
        let mut numbers: Vec<_> = held.iter().map(ReservedPort::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 24);
    }
}
