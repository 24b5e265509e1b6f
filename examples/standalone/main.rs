//! A service that does not host the issuer: it verifies access tokens with the keys that the issuer publishes. Give it the
//! URL of the issuer, the name of this API in `aud`, and a token.

use std::process::ExitCode;

use authpi_verifier::{Http, Refused, Token, Verifier};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issuer, audience, token] = arguments.as_slice() else {
        say("standalone ISSUER AUDIENCE TOKEN");
        return ExitCode::FAILURE;
    };
    let verifier = match Http::new().map(|http| Verifier::new(issuer, audience, http)) {
        Ok(Ok(verifier)) => verifier,
        Ok(Err(invalid)) => return failed(&invalid),
        Err(error) => return failed(&error),
    };
    // A service keeps its verifier, and hands it the header of each request.
    match list_invoices(&verifier, Some(&format!("Bearer {token}"))).await {
        Ok(token) => {
            say(&format!("{} may read invoices; acting: {:?}", token.subject(), token.act()));
            ExitCode::SUCCESS
        }
        Err(refused) => {
            say(&format!("{} {}", refused.status(), refused.challenge(None).unwrap_or_default()));
            failed(&refused)
        }
    }
}

async fn list_invoices(verifier: &Verifier<Http>, authorization: Option<&str>) -> Result<Token, Refused> {
    let token = verifier.authorization(authorization).await?;
    token.require("invoices:read")?;
    Ok(token)
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    say(&error.to_string());
    ExitCode::FAILURE
}

#[allow(clippy::print_stdout, reason = "an example talks to a person")]
fn say(text: &str) {
    println!("{text}");
}
