//! Names that lead inside, now or a moment later.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tests::Wire;
use tests::wire::{hear, say};

use super::{ALLOWED, FORBIDDEN, NAME, Scene};

/// The ranges of events-webhooks §11, in its order.
const REFUSED_V4: [&str; 15] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];
const REFUSED_V6: [&str; 14] = [
    "::/128",
    "::1/128",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
    "2001::/23",
    "::/3",
];

/// First and last address of a block, and the ones before and after it.
fn edges_v4(block: &str) -> [[Option<Ipv4Addr>; 2]; 2] {
    let (first, prefix) = block.split_once('/').unwrap();
    let first: Ipv4Addr = first.parse().unwrap();
    let last = first.to_bits() | u32::MAX.checked_shr(prefix.parse().unwrap()).unwrap_or(0);
    let before = first.to_bits().checked_sub(1);
    let after = last.checked_add(1);
    [[Some(first), Some(Ipv4Addr::from_bits(last))], [before, after].map(|bits| bits.map(Ipv4Addr::from_bits))]
}

fn edges_v6(block: &str) -> [[Option<Ipv6Addr>; 2]; 2] {
    let (first, prefix) = block.split_once('/').unwrap();
    let first: Ipv6Addr = first.parse().unwrap();
    let last = first.to_bits() | u128::MAX.checked_shr(prefix.parse().unwrap()).unwrap_or(0);
    let before = first.to_bits().checked_sub(1);
    let after = last.checked_add(1);
    [[Some(first), Some(Ipv6Addr::from_bits(last))], [before, after].map(|bits| bits.map(Ipv6Addr::from_bits))]
}

/// Neighbours of a block that lie in none.
fn is_public(address: IpAddr) -> bool {
    let is_in = |block: &&str| match address {
        IpAddr::V4(address) => {
            let [[first, last], _] = edges_v4(block);
            (first.unwrap()..=last.unwrap()).contains(&address)
        }
        IpAddr::V6(address) => {
            let [[first, last], _] = edges_v6(block);
            (first.unwrap()..=last.unwrap()).contains(&address)
        }
    };
    match address {
        IpAddr::V4(_) => !REFUSED_V4.iter().any(is_in),
        IpAddr::V6(address) => address.segments()[0] & 0xe000 == 0x2000 && !REFUSED_V6.iter().any(is_in),
    }
}

#[tokio::test]
async fn every_refused_range_is_refused_from_its_first_to_its_last_address_and_no_further() {
    let scene = Scene::friendly().await;
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for block in REFUSED_V4 {
        let [refused, neighbours] = edges_v4(block);
        inside.extend(refused.into_iter().flatten().map(IpAddr::V4));
        inside.extend(refused.into_iter().flatten().map(|address| IpAddr::V6(address.to_ipv6_mapped())));
        outside.extend(neighbours.into_iter().flatten().map(IpAddr::V4));
    }
    for block in REFUSED_V6 {
        let [refused, neighbours] = edges_v6(block);
        inside.extend(refused.into_iter().flatten().map(IpAddr::V6));
        outside.extend(neighbours.into_iter().flatten().map(IpAddr::V6));
    }
    inside.extend(
        ["4000::", "5eff:ffff::", "6000::", "fec0::1", "::7f00:1"].map(|address| address.parse::<IpAddr>().unwrap()),
    );
    outside.retain(|address| is_public(*address));
    assert!(outside.len() > 25, "{}", outside.len());
    for (at, address) in inside.iter().enumerate() {
        let literal = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        assert!(scene.client.check(&scene.url(&literal).parse().unwrap()).is_err(), "{address}");
        assert_eq!(scene.post(&scene.url(&literal)).await, "blocked_address", "{address}");
        let name = format!("n{at}.example");
        scene.dns.address_of(&name, *address);
        assert_eq!(scene.post(&scene.url(&name)).await, "blocked_address", "{address}");
    }
    for address in outside {
        let literal = if address.is_ipv4() { address.to_string() } else { format!("[{address}]") };
        assert_eq!(scene.client.check(&scene.url(&literal).parse().unwrap()), Ok(()), "{address}");
    }
    assert_eq!(scene.receiver.connections(), 0);
    scene.trap_is_untouched().await;
}

#[tokio::test]
async fn one_forbidden_address_among_allowed_ones_forbids_the_name() {
    let scene = Scene::friendly().await;
    for (at, forbidden) in
        [FORBIDDEN, "10.0.0.1", "::1", "::ffff:127.0.0.3", "64:ff9b::7f00:3", "2002:7f00:3::", "fd00::1"]
            .into_iter()
            .enumerate()
    {
        for order in [[ALLOWED, forbidden], [forbidden, ALLOWED]] {
            let name = format!("mixed{at}.example");
            scene.dns.forget(&name);
            for address in order {
                scene.dns.address_of(&name, address.parse().unwrap());
            }
            assert_eq!(scene.post(&scene.url(&name)).await, "blocked_address", "{order:?}");
        }
    }
    assert_eq!(scene.receiver.connections(), 0);
    assert_eq!(scene.post(&scene.url(NAME)).await, "http_200", "the receiver is there");
    scene.trap_is_untouched().await;
}

#[tokio::test]
async fn between_check_and_connection_nobody_is_asked_again() {
    let scene = Scene::friendly().await;
    scene.dns.forget(NAME);
    scene.dns.turns(NAME, &[ALLOWED, FORBIDDEN]);
    assert_eq!(scene.post(&scene.url(NAME)).await, "http_200");
    assert_eq!((scene.dns.asked(NAME), scene.receiver.connections()), (1, 1));
    scene.trap_is_untouched().await;
}

#[tokio::test]
async fn a_kept_connection_stays_with_the_address_that_was_checked() {
    let scene = Scene::friendly().await;
    scene.dns.forget(NAME);
    scene.dns.turns(NAME, &[ALLOWED, FORBIDDEN]);
    for _ in 0..3 {
        assert_eq!(scene.post(&scene.url(NAME)).await, "http_200");
    }
    assert_eq!((scene.dns.asked(NAME), scene.receiver.connections()), (1, 1), "one connection, one question");
    scene.trap_is_untouched().await;
}

#[tokio::test]
async fn every_new_connection_is_checked_anew() {
    let scene = Scene::new(|mut stream| async move {
        hear(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    scene.dns.forget(NAME);
    scene.dns.turns(NAME, &[ALLOWED, FORBIDDEN, "169.254.169.254", ALLOWED]);
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(scene.post(&scene.url(NAME)).await);
    }
    assert_eq!(outcomes, ["http_200", "blocked_address", "blocked_address", "http_200"]);
    assert_eq!(scene.receiver.connections(), 2);
    scene.trap_is_untouched().await;
}

#[tokio::test]
async fn a_connection_that_its_receiver_ends_is_not_renewed_without_a_check() {
    // The second request meets a connection that is closed while it is on its way.
    let scene = Scene::new(|mut stream| async move {
        hear(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        hear(&mut stream).await;
    })
    .await;
    scene.dns.forget(NAME);
    scene.dns.turns(NAME, &[ALLOWED, FORBIDDEN]);
    assert_eq!(scene.post(&scene.url(NAME)).await, "http_200");
    let second = scene.post(&scene.url(NAME)).await;
    assert!(second == "connect" || second == "blocked_address", "{second}");
    assert_eq!(scene.receiver.connections(), 1);
    scene.trap_is_untouched().await;
}

#[tokio::test]
async fn an_alias_is_worth_what_the_last_name_is() {
    let scene = Scene::friendly().await;
    scene.dns.address_of("db.internal", FORBIDDEN.parse().unwrap());
    scene.dns.alias("inside.example", "db.internal");
    scene.dns.alias("longer.example", "inside.example");
    scene.dns.alias("loopback.example", "localhost");
    scene.dns.alias("www.example", NAME);
    for follows in [true, false] {
        scene.dns.follow(follows);
        for name in ["inside.example", "longer.example", "loopback.example"] {
            let outcome = scene.post(&scene.url(name)).await;
            let is_refused = outcome == "blocked_address" || name == "loopback.example" && outcome == "dns";
            assert!(is_refused, "{name} {follows}: {outcome}");
        }
        // It is reached, and its certificate is not for the alias.
        assert_eq!(scene.post(&scene.url("www.example")).await, "tls", "{follows}");
    }
    assert_eq!(scene.receiver.connections(), 2);
    scene.trap_is_untouched().await;
}

#[tokio::test]
async fn aliases_that_lead_nowhere_end() {
    let scene = Scene::friendly().await;
    scene.dns.alias("self.example", "self.example");
    scene.dns.alias("one.example", "two.example");
    scene.dns.alias("two.example", "one.example");
    for at in 0..60 {
        scene.dns.alias(&format!("a{at}.example"), &format!("a{}.example", at + 1));
    }
    for follows in [true, false] {
        scene.dns.follow(follows);
        for name in ["self.example", "one.example", "a0.example"] {
            assert_eq!(scene.post(&scene.url(name)).await, "dns", "{name} {follows}");
        }
    }
    assert!(scene.dns.asked("self.example") < 100, "{}", scene.dns.asked("self.example"));
    scene.trap_is_untouched().await;
}

#[tokio::test]
async fn a_name_with_a_thousand_addresses_makes_no_scan() {
    let scene = Scene::friendly().await;
    let address = |at: u32| IpAddr::V4(Ipv4Addr::from_bits(Ipv4Addr::new(127, 0, 1, 1).to_bits() + at));
    let port = scene.receiver.address.port();
    let many = Wire::trap(&format!("127.0.1.200:{port}")).await;
    for at in 0..200 {
        scene.dns.address_of("many.example", address(at));
    }
    assert_eq!(scene.post(&scene.url("many.example")).await, "connect", "the first of them are tried, and refuse");
    assert!(many.is_untouched().await, "the two hundredth is not tried");
    for at in 0..1_000 {
        scene.dns.address_of("most.example", address(at % 250));
    }
    scene.dns.address_of("most.example", FORBIDDEN.parse().unwrap());
    assert_eq!(scene.post(&scene.url("most.example")).await, "blocked_address", "all of them are looked at");
    scene.trap_is_untouched().await;
}

#[tokio::test]
async fn name_servers_that_fail_or_are_silent_are_given_up() {
    let scene = Scene::friendly().await;
    assert_eq!(scene.post(&scene.url("unknown.example")).await, "dns");
    scene.dns.fail(true);
    assert_eq!(scene.post(&scene.url(NAME)).await, "dns");
    scene.dns.fail(false);
    scene.dns.fall_silent();
    assert_eq!(scene.post_within(&scene.url(NAME), Duration::from_millis(300)).await, "timeout");
    assert_eq!(scene.post(&scene.url(NAME)).await, "dns", "long before the request would be");
    assert_eq!(scene.receiver.connections(), 0);
}
