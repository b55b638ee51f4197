//! Teams channels and Workflows webhooks.

use argus_m365::simulator::TenantSpec;
use serde_json::{Value, json};

use crate::support::{Lab, encoded, read};

fn messages() -> String {
    format!("/teams/{}/channels/{}/messages", TenantSpec::DEMO_TEAM, encoded(TenantSpec::DEMO_CHANNEL))
}

fn message(card: &Value) -> Value {
    json!({
        "body": { "contentType": "html", "content": "<attachment id=\"a-1\"></attachment>" },
        "attachments": [{
            "id": "a-1", "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card.to_string(),
            "name": null, "thumbnailUrl": null,
        }],
    })
}

fn card() -> Value {
    json!({ "type": "AdaptiveCard", "version": "1.4", "body": [] })
}

async fn signed_in() -> Lab {
    let grant = |spec: &mut TenantSpec| {
        spec.apps[0].roles.extend(["ChannelMessage.Send", "ChannelMessage.Read.All"].map(str::to_owned));
    };
    Lab::with(grant).await
}

#[tokio::test]
async fn an_application_posts_no_channel_message() {
    let lab = Lab::new().await;
    let answer = lab.post(&messages(), &message(&card())).await;
    assert_eq!((answer.status, answer.code()), (401, "Unauthorized"));
}

#[tokio::test]
async fn a_message_is_posted_replied_to_and_listed_and_a_second_one_in_the_same_second_is_refused() {
    let lab = signed_in().await;
    let posted = lab.post(&messages(), &message(&card())).await;
    assert_eq!(posted.status, 201);
    let early = lab.post(&messages(), &message(&card())).await;
    assert_eq!((early.status, early.header("retry-after")), (429, Some("1")));
    let listed = lab.get(&messages()).await;
    assert_eq!(listed.body["value"].as_array().unwrap().len(), 1);
    assert_eq!(listed.body["value"][0]["id"], posted.id());
    assert_eq!(lab.get(&format!("{}/{}/replies", messages(), posted.id())).await.body["value"], json!([]));
    let state = lab.simulator.state(TenantSpec::DEMO_ID).unwrap();
    assert_eq!(state.channels[0].messages[0].card, card());
}

#[tokio::test]
async fn a_card_that_is_no_text_or_that_the_body_does_not_refer_to_is_refused() {
    let lab = signed_in().await;
    let mut object = message(&card());
    object["attachments"][0]["content"] = card();
    let mut elsewhere = message(&card());
    elsewhere["attachments"][0]["id"] = json!("a-2");
    for bad in [
        object,
        elsewhere,
        message(&json!({ "type": "AdaptiveCard", "version": "1.5" })),
        json!({ "body": { "content": "text" } }),
    ] {
        assert_eq!(lab.post(&messages(), &bad).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_webhook_takes_an_envelope_with_the_card_as_an_object_and_no_token() {
    let lab = Lab::new().await;
    let url = format!("{}/workflows/ops/triggers/manual/paths/invoke?sig=s", lab.simulator.url());
    let attachment = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card() });
    let envelope = json!({ "type": "message", "attachments": [attachment] });
    let taken = read(lab.http.post(&url).json(&envelope)).await.unwrap();
    assert_eq!((taken.status, taken.body), (202, Value::Null));
    assert_eq!(read(lab.http.post(&url).bearer_auth(&lab.token).json(&envelope)).await.unwrap().status, 400);
    let mut text = envelope;
    text["attachments"][0]["content"] = json!(card().to_string());
    assert_eq!(read(lab.http.post(&url).json(&text)).await.unwrap().status, 400);
    let shown = read(lab.http.get(format!("{}/_sim/webhooks/ops", lab.simulator.url()))).await.unwrap();
    assert_eq!(shown.body["cards"].as_array().unwrap().len(), 1);
}
