//! Delays between attempts.

use std::time::Duration;

use kudo_plan::Backoff;

const PLAIN: Backoff = Backoff {
    initial: Duration::from_millis(100),
    max: Duration::from_secs(5),
    factor: 2.0,
    jitter: 0.0,
};

#[test]
fn delays_grow_to_the_longest() {
    let table = [
        (0, 100),
        (1, 100),
        (2, 200),
        (3, 400),
        (4, 800),
        (5, 1600),
        (6, 3200),
        (7, 5000),
        (8, 5000),
        (100, 5000),
        (5000, 5000),
        (u32::MAX, 5000),
    ];
    for (failures, millis) in table {
        for random in [0, 1 << 40, u64::MAX] {
            assert_eq!(
                PLAIN.delay(failures, random),
                Duration::from_millis(millis),
                "{failures}"
            );
        }
    }
}

#[test]
fn jitter_stays_in_its_range_and_uses_all_of_it() {
    let backoff = Backoff {
        jitter: 0.5,
        ..PLAIN
    };
    let delays: Vec<Duration> = (0..1000_u64)
        .map(|n| backoff.delay(2, n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    let low = Duration::from_millis(100);
    let high = Duration::from_millis(300);
    assert!(delays.iter().all(|delay| (low..=high).contains(delay)));
    assert!(
        delays
            .iter()
            .any(|delay| *delay < Duration::from_millis(110))
    );
    assert!(
        delays
            .iter()
            .any(|delay| *delay > Duration::from_millis(290))
    );
    assert_eq!(backoff.delay(2, 0), low);
    assert_eq!(backoff.delay(2, 7), backoff.delay(2, 7));
}

#[test]
fn odd_settings_are_harmless() {
    let huge = Duration::MAX;
    let table = [
        Backoff {
            factor: 0.0,
            ..PLAIN
        },
        Backoff {
            factor: -3.0,
            ..PLAIN
        },
        Backoff {
            factor: f64::NAN,
            ..PLAIN
        },
        Backoff {
            factor: f64::INFINITY,
            ..PLAIN
        },
        Backoff {
            jitter: 7.0,
            ..PLAIN
        },
        Backoff {
            jitter: -1.0,
            ..PLAIN
        },
        Backoff {
            initial: Duration::ZERO,
            ..PLAIN
        },
        Backoff {
            initial: huge,
            max: huge,
            ..PLAIN
        },
        Backoff {
            max: Duration::ZERO,
            ..PLAIN
        },
    ];
    for backoff in table {
        for failures in [0, 1, 2, 50, u32::MAX] {
            for random in [0, 12345 << 45, u64::MAX] {
                let delay = backoff.delay(failures, random);
                assert!(
                    delay <= backoff.max.saturating_mul(2),
                    "{backoff:?} {failures}"
                );
            }
        }
    }
}
