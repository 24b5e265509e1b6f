//! Where a request comes from, as far as a trusted proxy says so (idp §18.1, D175). Nothing is looked up.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::HeaderName;

use super::services::Options;
use crate::pages::inert::line;
use crate::session::model::Location;

/// Longest name of a region or a city, in characters.
const NAME_LIMIT: usize = 100;

/// ISO 3166-1 alpha-2, officially assigned.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM \
    FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO \
    JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT \
    MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA \
    SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US \
    UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Headers in which the proxy in front says where a request comes from; none by default.
#[derive(Clone, Debug, Default)]
pub struct LocationHeaders {
    /// ISO 3166-1 alpha-2, such as `CF-IPCountry` or `CloudFront-Viewer-Country`.
    pub country: Option<HeaderName>,
    /// Region or state: its name or code.
    pub region: Option<HeaderName>,
    /// City.
    pub city: Option<HeaderName>,
}

/// Where a request comes from. Without a trusted proxy as its peer only the address is known, whatever it says.
pub fn client_location(options: &Options, headers: &HeaderMap, peer: Option<IpAddr>, address: IpAddr) -> Location {
    let ip = Some(address.to_string());
    let is_trusted = peer.is_some_and(|peer| options.trusted_proxies.iter().any(|network| network.contains(peer)));
    if !is_trusted {
        return Location { ip, ..Location::default() };
    }
    let said = |name: &Option<HeaderName>| only(headers, name.as_ref()?);
    let named = &options.location;
    Location {
        ip,
        country: said(&named.country).and_then(country),
        region: said(&named.region).and_then(name),
        city: said(&named.city).and_then(name),
    }
}

/// The value of a header that was sent once, by us or by no one: of two, one may be the client's.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    std::str::from_utf8(value.as_bytes()).ok().map(str::trim)
}

/// A country that there is. What proxies say of networks without one (`XX`, `T1`) is none.
fn country(text: &str) -> Option<String> {
    let code = text.to_ascii_uppercase();
    COUNTRIES.split(' ').any(|known| known == code).then_some(code)
}

/// A name that can be shown as it is.
fn name(text: &str) -> Option<String> {
    let is_plain = line(text).is_some_and(|shown| shown == text);
    (is_plain && text.chars().count() <= NAME_LIMIT).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use http::HeaderValue;

    use super::*;

    fn options() -> Options {
        let name = |text: &'static str| Some(HeaderName::from_static(text));
        Options {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            location: LocationHeaders { country: name("x-country"), region: name("x-region"), city: name("x-city") },
            ..Options::default()
        }
    }

    fn seen(sent: &[(&'static str, &[u8])], peer: Option<&str>) -> Location {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let peer = peer.map(|peer| peer.parse().unwrap());
        client_location(&options(), &headers, peer, "192.0.2.7".parse().unwrap())
    }

    #[test]
    fn a_trusted_proxy_says_where_a_request_comes_from_and_nobody_else() {
        let sent: [(_, &[u8]); 3] = [("x-country", b"de"), ("x-region", b"BY"), ("x-city", "München".as_bytes())];
        let text = |text: &str| Some(text.to_owned());
        let nowhere = Location { ip: text("192.0.2.7"), ..Location::default() };
        let there = Location { country: text("DE"), region: text("BY"), city: text("München"), ..nowhere.clone() };
        assert_eq!(seen(&sent, Some("10.1.2.3")), there);
        assert_eq!(seen(&sent, Some("192.0.2.7")), nowhere);
        assert_eq!(seen(&sent, None), nowhere);
        assert_eq!(seen(&[("x-city", b"Bonn")], Some("10.1.2.3")).city, text("Bonn"));
    }

    #[test]
    fn what_is_no_place_is_not_believed() {
        let country = |sent: &[&'static [u8]]| {
            let sent: Vec<_> = sent.iter().map(|value| ("x-country", *value)).collect();
            seen(&sent, Some("10.0.0.1")).country
        };
        for bad in [&b"XX"[..], b"T1", b"DEU", b"D", b"", b"D E", b"DE FR", b"\xff\xfe"] {
            assert_eq!(country(&[bad]), None, "{bad:?}");
        }
        assert_eq!(country(&[b"DE", b"FR"]), None, "one of them may be the client's");
        let city = |text: &str| {
            let bytes: &'static [u8] = text.to_owned().leak().as_bytes();
            seen(&[("x-city", bytes)], Some("10.0.0.1")).city
        };
        for bad in ["", " ", "a\tb", "a  b", "\u{202e}nnoB", "a\u{200b}b", &"x".repeat(101)] {
            assert_eq!(city(bad), None, "{bad:?}");
        }
        assert_eq!(city(&"ß".repeat(100)), Some("ß".repeat(100)));
    }
}
