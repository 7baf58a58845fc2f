//! The console without a browser: sessions, forms that are not its own, what each role is shown.

use careflow::engine::desk::VIEWS_MAX;
use careflow::kernel::actor::Role;
use careflow::kernel::canonical;
use careflow::kernel::hash::Hash;
use serde_json::{Value, json};

use crate::rig::{Caller, Response, Rig, question};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const PAGE: (&str, &str) = ("accept", "text/html");

/// A browser as far as the server sees it: no token, but a cookie.
struct Browser {
    stranger: Caller,
    cookie: String,
}

impl Browser {
    async fn signed_in(rig: &Rig, token: &str) -> Self {
        let stranger = rig.stranger();
        let answer = stranger.request("POST", "/sign-in", &[FORM, PAGE], format!("token={token}")).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{}", answer.text);
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { stranger, cookie }
    }

    async fn of(rig: &Rig, actor: &str, role: Role) -> Self {
        Self::signed_in(rig, &rig.token(actor, role).await).await
    }

    async fn get(&self, path: &str) -> Response {
        self.stranger.request("GET", path, &[PAGE, ("cookie", &self.cookie)], "").await
    }

    async fn post(&self, path: &str, body: &str, more: &[(&str, &str)]) -> Response {
        let mut headers = vec![FORM, PAGE, ("cookie", self.cookie.as_str())];
        headers.extend_from_slice(more);
        self.stranger.request("POST", path, &headers, body.to_owned()).await
    }

    /// What the forms of this session carry.
    async fn csrf(&self) -> String {
        let page = self.get("/").await;
        let (_, rest) = page.text.split_once("name=\"_csrf\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn stranger_is_led_to_the_sign_in_and_back_and_a_wrong_token_opens_nothing() {
    let rig = Rig::wednesday().await;
    let stranger = rig.stranger();
    let asked = stranger.request("GET", "/?queue=all", &[PAGE], "").await;
    assert_eq!((asked.status, asked.header("location")), (303, Some("/sign-in?next=%2F%3Fqueue%3Dall")));
    let wrong = stranger.request("POST", "/sign-in", &[FORM, PAGE], "token=cft_wrong").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (200, None));
    assert!(wrong.text.contains("This token is unknown or revoked."));
    let token = rig.token("ann", Role::Agent).await;
    let form = format!("token={token}&next=%2F%3Fqueue%3Dall");
    let right = stranger.request("POST", "/sign-in", &[FORM, PAGE], form).await;
    assert_eq!((right.status, right.header("location")), (303, Some("/?queue=all")));
    let cookie = right.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let behind_tls = [FORM, PAGE, ("x-forwarded-proto", "https")];
    let secure = stranger.request("POST", "/sign-in", &behind_tls, format!("token={token}")).await;
    assert!(secure.header("set-cookie").unwrap().ends_with("; Secure"));
    let away = stranger
        .request("POST", "/sign-in", &[FORM, PAGE], format!("token={token}&next=//evil.example"))
        .await;
    assert_eq!(away.header("location"), Some("/"));
}

#[tokio::test]
async fn session_ends_with_its_token_and_with_signing_out() {
    let rig = Rig::wednesday().await;
    let root = rig.caller("root", Role::Administrator).await;
    let made = root.post("/v1/tokens", &json!({ "actor": "eve", "roles": ["agent"] })).await;
    let (path, secret) =
        (made.header("location").unwrap().to_owned(), made.json()["secret"].as_str().unwrap().to_owned());
    let eve = Browser::signed_in(&rig, &secret).await;
    assert_eq!(eve.get("/").await.status, 200);
    assert_eq!(root.request("DELETE", &path, &[], "").await.status, 200);
    assert_eq!(eve.get("/").await.status, 303);
    let ann = Browser::of(&rig, "ann", Role::Agent).await;
    let out = ann.post("/sign-out", &format!("_csrf={}", ann.csrf().await), &[]).await;
    assert_eq!((out.status, out.header("location")), (303, Some("/sign-in")));
    assert_eq!(ann.get("/").await.status, 303);
}

#[tokio::test]
async fn forms_of_other_sites_and_other_sessions_do_nothing() {
    let rig = Rig::wednesday().await;
    let ann = Browser::of(&rig, "ann", Role::Agent).await;
    let bo = Browser::of(&rig, "bo", Role::Agent).await;
    let (own, others) = (ann.csrf().await, bo.csrf().await);
    assert_ne!(own, others);
    let id = rig.caller("ann", Role::Agent).await.submit(question("c-1")).await;
    let position = rig.engine.position();
    let path = format!("/cases/{id}/send/accept");
    let foreign = [("origin", "https://evil.example")];
    for (csrf, more) in [
        (Some(&others), &[][..]),
        (None, &[]),
        (Some(&own), &foreign),
        (Some(&own), &[("sec-fetch-site", "cross-site")]),
    ] {
        let body = csrf.map_or_else(|| "_do=send".to_owned(), |csrf| format!("_do=send&_csrf={csrf}"));
        let refused = ann.post(&path, &body, more).await;
        assert_eq!(refused.status, 403, "{}", refused.text);
    }
    assert_eq!(rig.engine.position(), position);
    let origin = format!("http://{}", rig.address());
    let sent = ann
        .post(
            &path,
            &format!("_do=send&_csrf={own}&_key=k1"),
            &[("origin", &origin), ("sec-fetch-site", "same-origin")],
        )
        .await;
    assert_eq!((sent.status, sent.header("location")), (303, Some(format!("/cases/{id}").as_str())));
    let position = rig.engine.position();
    let again = ann.post(&path, &format!("_do=send&_csrf={own}&_key=k1"), &[]).await;
    assert_eq!((again.status, rig.engine.position()), (303, position), "sent twice, counted once");
}

#[tokio::test]
async fn form_for_a_case_that_moved_on_keeps_what_was_typed() {
    let rig = Rig::wednesday().await;
    let caller = rig.caller("ann", Role::Agent).await;
    let ann = Browser::of(&rig, "ann", Role::Agent).await;
    let id = caller.submit(question("c-1")).await;
    caller.sent(&id, "accept", json!({})).await;
    let csrf = ann.csrf().await;
    let body = format!("_do=send&_csrf={csrf}&_seq=1&p.text_ref=kept%2F1&p.visibility=internal");
    let stale = ann.post(&format!("/cases/{id}/send/note_added"), &body, &[]).await;
    assert!(
        stale.text.contains("The case has changed meanwhile.") && stale.text.contains("kept/1"),
        "{}",
        stale.text
    );
    assert_eq!(caller.events(&id).await, ["submit", "accept"]);
}

#[tokio::test]
async fn pages_carry_a_policy_and_are_kept_by_nobody() {
    let rig = Rig::wednesday().await;
    let ann = Browser::of(&rig, "ann", Role::Agent).await;
    let page = ann.get("/").await;
    let policy = page.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(
        !page.text.contains(" style=") && !page.text.contains("onclick") && !page.text.contains("http://")
    );
    let (_, rest) = page.text.split_once("<script src=\"").unwrap();
    let script = ann.get(rest.split('"').next().unwrap()).await;
    assert_eq!(
        (script.status, script.header("cache-control")),
        (200, Some("public, max-age=31536000, immutable"))
    );
}

#[tokio::test]
async fn each_role_is_shown_what_is_its_own() {
    let rig = Rig::wednesday().await;
    let customer = rig.caller("c-1", Role::Customer).await;
    let id = customer.submit(question("c-1")).await;
    let other = Browser::of(&rig, "c-2", Role::Customer).await;
    let own = Browser::of(&rig, "c-1", Role::Customer).await;
    assert_eq!(other.get(&format!("/cases/{id}")).await.status, 404);
    let page = own.get(&format!("/cases/{id}")).await;
    assert!(page.status == 200 && !page.text.contains("What happened"), "customers read no histories");
    for path in [
        "/?queue=all",
        "/?queue=pre_sale",
        "/audit",
        "/system",
        "/reports",
        &format!("/cases/{id}/entries/1"),
        "/live?of=queue&name=all",
    ] {
        let refused = own.get(path).await;
        assert_eq!(refused.status, 403, "{path}");
    }
    let ann = Browser::of(&rig, "ann", Role::Agent).await;
    let nav = ann.get("/").await.text;
    assert!(
        nav.contains("href=\"/audit\"")
            && !nav.contains("href=\"/reports\"")
            && !nav.contains("href=\"/system\"")
    );
    assert_eq!(ann.get("/reports").await.status, 403);
    let root = Browser::of(&rig, "root", Role::Administrator).await;
    let sealed = root.get(&format!("/cases/{id}")).await.text;
    assert!(sealed.contains("•••") && !sealed.contains("/reveal"), "administrators see no personal values");
    let csrf = root.csrf().await;
    let refused = root.post(&format!("/cases/{id}/reveal"), &format!("_csrf={csrf}&reason=audit"), &[]).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn view_outlives_the_server_and_there_are_not_too_many() {
    let rig = Rig::wednesday().await;
    let token = rig.token("ann", Role::Agent).await;
    let ann = Browser::signed_in(&rig, &token).await;
    let csrf = ann.csrf().await;
    for number in 0..VIEWS_MAX {
        let body = format!("_csrf={csrf}&name=view-{number}&query=%3Fqueue%3Dall");
        assert_eq!(ann.post("/views", &body, &[]).await.status, 303);
    }
    let body = format!("_csrf={csrf}&name=one+more&query=");
    assert_eq!(ann.post("/views", &body, &[]).await.status, 422);
    let hostile = format!("_csrf={csrf}&name=x&query=%2F%2Fevil.example");
    assert_eq!(ann.post("/views", &hostile, &[]).await.status, 422);
    assert_eq!(ann.post("/views/forget", &format!("_csrf={csrf}&name=view-0"), &[]).await.status, 303);
    let rig = rig.restart().await;
    let ann = Browser::signed_in(&rig, &token).await;
    let page = ann.get("/").await.text;
    assert!(page.contains("view-1<") && !page.contains("view-0<"));
}

#[tokio::test]
async fn nonsense_is_answered_with_a_page_that_says_what_would_be_accepted() {
    let rig = Rig::wednesday().await;
    let ann = Browser::of(&rig, "ann", Role::Agent).await;
    let id = rig.caller("ann", Role::Agent).await.submit(question("c-1")).await;
    for (path, status, says) in [
        ("/casess/1".to_owned(), 404, "There is nothing"),
        ("/cases/nonsense".to_owned(), 404, "instance"),
        (format!("/cases/{id}/send/dance"), 422, "accept"),
        (format!("/cases/{id}/entries/99"), 400, "1 to 1"),
        (format!("/cases/{id}/clocks/NOPE"), 404, "FRT"),
        ("/start/nothing".to_owned(), 404, "consultation"),
        ("/?after=nonsense".to_owned(), 400, "start again without it"),
    ] {
        let answer = ann.get(&path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{path}");
        assert!(answer.text.to_lowercase().contains(&says.to_lowercase()), "{path}: {}", answer.text);
    }
    // A program that asks the same gets the problem as data.
    let stranger = rig.stranger();
    assert_eq!(stranger.get("/casess/1").await.problem(404), "unknown_route");
}

#[tokio::test]
async fn who_saw_personal_values_is_found_by_auditors() {
    let rig = Rig::wednesday().await;
    let id = rig.caller("c-1", Role::Customer).await.submit(question("c-1")).await;
    let ann = Browser::of(&rig, "ann", Role::Agent).await;
    let csrf = ann.csrf().await;
    let (page, path) = (format!("/cases/{id}"), format!("/cases/{id}/reveal"));
    let subject = question("c-1")["subject"].as_str().unwrap().to_owned();
    assert!(!ann.get(&page).await.text.contains(&subject));
    let idle = ann.post(&path, &format!("_csrf={csrf}&reason=curiosity"), &[]).await;
    assert!(idle.status == 422 && !ann.get(&page).await.text.contains(&subject), "{}", idle.text);
    assert_eq!(ann.post(&path, &format!("_csrf={csrf}&reason=case_work"), &[]).await.status, 303);
    assert!(ann.get(&page).await.text.contains(&subject));
    let auditor = rig.caller("olga", Role::Auditor).await;
    let found = auditor.get("/v1/history?workflow=$reveal").await.expect(200);
    let entry = &found["entries"][0]["entry"];
    assert_eq!((&entry["actor"]["id"], found["entries"].as_array().unwrap().len()), (&"ann".into(), 1));
    assert!(entry["patch"].to_string().contains(&id) && entry["patch"].to_string().contains("case_work"));
    let agent = rig.caller("bo", Role::Agent).await;
    assert_eq!(agent.get("/v1/history?workflow=$reveal").await.problem(400), "invalid_query");
    let olga = Browser::of(&rig, "olga", Role::Auditor).await;
    assert!(olga.get("/audit?workflow=%24reveal").await.text.contains("ann"));
}

/// Everything that stands in `text` between `before` and the next quote.
fn quoted<'t>(text: &'t str, before: &str) -> Vec<&'t str> {
    text.split(before).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn queue_is_in_the_order_in_which_it_breaches() {
    let rig = Rig::wednesday().await;
    let ann = rig.caller("ann", Role::Agent).await;
    let mut started = Vec::new();
    for (minute, channel) in [(0, "email"), (1, "sms"), (2, "web_chat"), (3, "wechat"), (4, "email")] {
        rig.until(&format!("2026-03-11T10:0{minute}:00+08:00")).await;
        let mut asked = question(&format!("c-{minute}"));
        asked["channel"] = json!(channel);
        started.push(ann.submit(asked).await);
    }
    let mut dues = Vec::new();
    for id in &started {
        let clocks = ann.instance(id).await["clocks"].clone();
        let running = clocks.as_array().unwrap().iter().filter_map(|clock| clock["due"].as_str());
        dues.push((running.min().unwrap().to_owned(), id.clone()));
    }
    assert!(!dues.is_sorted(), "the order of start is another one");
    dues.sort();
    let expected: Vec<&str> = dues.iter().map(|(_, id)| id.as_str()).collect();
    let page = Browser::of(&rig, "ann", Role::Agent).await;
    for path in ["/?queue=pre_sale", "/?queue=all"] {
        assert_eq!(quoted(&page.get(path).await.text, "href=\"/cases/"), expected, "{path}");
    }
    let page = page.get("/?queue=pre_sale&channel=email&priority=&workflow=").await.text;
    assert_eq!(quoted(&page, "href=\"/cases/").len(), 2, "an empty filter filters nothing");
}

#[tokio::test]
async fn number_on_a_diagram_leads_to_the_cases_of_the_state() {
    let rig = Rig::wednesday().await;
    let ann = rig.caller("ann", Role::Agent).await;
    let one = ann.submit(question("c-1")).await;
    let two = ann.submit(question("c-2")).await;
    ann.sent(&two, "accept", json!({})).await;
    let page = Browser::of(&rig, "sue", Role::Supervisor).await;
    let flow = page.get("/flows/consultation").await.text;
    let links = quoted(&flow, "href=\"/?workflow=consultation&amp;state=");
    assert_eq!(links, [ann.state(&one).await, ann.state(&two).await]);
    for (state, id) in links.iter().zip([&one, &two]) {
        let cases = page.get(&format!("/?workflow=consultation&state={state}")).await.text;
        assert_eq!(quoted(&cases, "href=\"/cases/"), [id.as_str()]);
    }
    let refused = page.get("/?workflow=consultation&state=open.nowhere").await;
    assert!(refused.status == 400 && refused.text.contains(&ann.state(&one).await), "{}", refused.text);
    assert_eq!(page.get("/?state=open").await.status, 400);
    let customer = Browser::of(&rig, "c-1", Role::Customer).await;
    assert_eq!(customer.get(&format!("/?workflow=consultation&state={}", links[0])).await.status, 403);
}

#[tokio::test]
async fn report_of_several_flows_is_headed_by_their_titles() {
    let rig = Rig::wednesday().await;
    let page = Browser::of(&rig, "sue", Role::Supervisor).await;
    let text = page.get("/reports/table?workflow=training_plan,monitor").await.text;
    assert!(text.contains("Yearly training plan, Monitor ·"), "{text}");
}

#[tokio::test]
async fn pages_are_measured_by_their_own_route() {
    let rig = Rig::wednesday().await;
    let page = Browser::of(&rig, "ann", Role::Administrator).await;
    page.get("/flows/consultation").await;
    let metrics = rig.caller("root", Role::Administrator).await.get("/metrics").await.text;
    let counted = "careflow_http_requests_total{method=\"GET\",route=\"/flows/{workflow}\",class=\"2xx\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn countdown_stands_still_while_the_calendar_is_closed() {
    let rig = Rig::at("2026-03-11T11:30:00+08:00").await;
    let ann = rig.caller("ann", Role::Agent).await;
    ann.submit(question("c-1")).await;
    let page = Browser::of(&rig, "ann", Role::Agent).await;
    let clock = async || {
        let text = page.get("/?queue=pre_sale").await.text;
        ["data-left=\"", "data-open=\"", "data-flip=\""].map(|name| quoted(&text, name)[0].to_owned())
    };
    assert_eq!(clock().await, ["7200000", "true", "1800000"]);
    rig.until("2026-03-11T12:10:00+08:00").await;
    assert_eq!(clock().await, ["5400000", "false", "3000000"]);
    rig.until("2026-03-11T12:50:00+08:00").await;
    assert_eq!(clock().await, ["5400000", "false", "600000"]);
    rig.until("2026-03-11T15:00:00+08:00").await;
    assert_eq!(clock().await[0], "-1800000", "past the due it goes on");
}

#[tokio::test]
async fn what_is_shown_of_histories_is_exported_and_proves_itself() {
    let rig = Rig::wednesday().await;
    let ann = rig.caller("ann", Role::Agent).await;
    let id = ann.submit(question("c-1")).await;
    ann.sent(&id, "accept", json!({})).await;
    let olga = Browser::of(&rig, "olga", Role::Auditor).await;
    let csv = olga.get(&format!("/audit/export.csv?case={id}")).await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(csv.header("content-disposition").unwrap().starts_with("attachment"));
    let lines: Vec<&str> = csv.text.lines().collect();
    assert!(
        lines.len() == 3 && lines[0].starts_with("recorded_at,") && lines[1].contains(",accept,ann,agent,")
    );
    let jsonl = olga.get(&format!("/audit/export.jsonl?case={id}")).await.text;
    assert_eq!(jsonl.lines().count(), 2);
    for line in jsonl.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let entry = canonical::to_string(&line["entry"]).unwrap();
        assert_eq!(Hash::of(&[entry.as_bytes()]).to_string(), line["hash"]);
    }
    let shown = question("c-1")["subject"].as_str().unwrap().to_owned();
    assert!(!jsonl.contains(&shown) && !csv.text.contains(&shown), "personal values leave with no export");
}

#[tokio::test]
async fn administrator_pauses_and_resumes_a_schedule_with_a_reason() {
    let rig = Rig::wednesday().await;
    let root = Browser::of(&rig, "root", Role::Administrator).await;
    let listed = rig.caller("olga", Role::Auditor).await.get("/v1/schedules").await.expect(200);
    let id = listed["schedules"][0]["id"].as_str().unwrap().to_owned();
    let csrf = root.csrf().await;
    let order = async |what: &str, reason: &str| {
        let body = format!("_csrf={csrf}&key=k-{what}&reason={reason}");
        assert_eq!(root.post(&format!("/schedules/{id}/{what}"), &body, &[]).await.status, 303);
        root.get(&format!("/schedules/{id}")).await.text
    };
    let position = rig.engine.position();
    let said = order("pause", "").await;
    assert!(said.contains("flash bad") && rig.engine.position() == position, "a reason is needed");
    assert!(order("pause", "holidays").await.contains("holidays"));
    assert!(order("resume", "back").await.contains("Resumed."));
    let ann = Browser::of(&rig, "ann", Role::Agent).await;
    let body = format!("_csrf={}&reason=x", ann.csrf().await);
    let position = rig.engine.position();
    let refused = ann.post(&format!("/schedules/{id}/pause"), &body, &[]).await;
    assert!(refused.status == 303 && ann.get(&format!("/schedules/{id}")).await.text.contains("flash bad"));
    assert_eq!(rig.engine.position(), position);
    assert!(!ann.get(&format!("/schedules/{id}")).await.text.contains("/pause\""), "it is not offered");
}
