//! Reports: what is asked of the KPIs of a window; [`super::kpi_table`] has the numbers.
//!
//! A report over many cases takes seconds. So the page comes at once with what was asked, and its table
//! is fetched after it; without the script a link leads to the same table as a page of its own.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::form::filled;
use super::lang::Lang;
use super::shell::{Part, Shell, Visitor};
use super::work::{Choice, flows};
use super::{page, words};
use crate::api::error::{ApiError, Code};
use crate::api::kpi_query::{ALL, check_reader};
use crate::api::kpis::KpiParams;
use crate::kernel::calendar::{date_of, parse_date};
use crate::kernel::definition::Definition;
use crate::kernel::kpi::fold::{GROUPINGS, NO_VALUE};

/// Which numbers, and which of their cases.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReportQuery {
    /// A flow, or `all` (the default).
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// A month like `2026-03`, where neither `from` nor `to` is given; the current one by default.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// From this local date on.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Up to and without this local date.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What groups.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// Only this KPI.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub kpi: Option<String>,
    /// Of the cases behind a number: the number within its KPI.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub measure: Option<String>,
    /// Of the cases behind a number: its part.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Of the cases behind a number: the group.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Of the cases behind a number: where the page before ended.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl ReportQuery {
    /// The flow, or all of them.
    pub fn workflow(&self) -> String {
        self.workflow.clone().unwrap_or_else(|| ALL.to_owned())
    }

    /// The window as the API takes it: `from`, and `to` where it is not the end of that month.
    ///
    /// # Errors
    /// `invalid_query` for a month that there is not.
    pub fn window(&self) -> Result<(Option<String>, Option<String>), ApiError> {
        match (&self.from, &self.to, &self.month) {
            (None, None, Some(month)) => Ok((Some(first_of(month)?.to_string()), None)),
            (from, to, _) => Ok((from.clone(), to.clone())),
        }
    }

    /// The same with the month that holds now, where no window is given: what an address says stays so.
    #[must_use]
    pub fn dated(self, visitor: &Visitor) -> Self {
        if self.month.is_some() || self.from.is_some() || self.to.is_some() {
            return self;
        }
        let month = date_of(visitor.zone, visitor.engine.now()).format("%Y-%m").to_string();
        Self { month: Some(month), ..self }
    }

    /// The flows as people read them.
    pub fn flow(&self, visitor: &Visitor) -> String {
        let named = self.workflow.as_deref().filter(|name| *name != ALL);
        let all = visitor.lang.t("All flows", "全部流程");
        let titles = |names: &str| -> Vec<String> {
            names.split(',').map(|name| group(name, "flow", visitor)).collect()
        };
        named.map_or_else(|| all.to_owned(), |names| titles(names).join(visitor.lang.t(", ", "、")))
    }

    /// The window as people read it.
    pub fn span(&self) -> String {
        let text = |given: &Option<String>| given.clone().unwrap_or_else(|| "…".to_owned());
        match (&self.from, &self.to, &self.month) {
            (None, None, Some(month)) => month.clone(),
            (from, to, _) => format!("{} – {}", text(from), text(to)),
        }
    }

    /// As the query of an address.
    pub fn encoded(&self) -> String {
        serde_urlencoded::to_string(self).unwrap_or_default()
    }

    /// What the API is asked.
    ///
    /// # Errors
    /// As [`ReportQuery::window`].
    pub fn asked(&self, zone: &str) -> Result<KpiParams, ApiError> {
        let (from, to) = self.window()?;
        Ok(KpiParams {
            workflow: Some(self.workflow()),
            from,
            to,
            zone: Some(zone.to_owned()),
            retargets: None,
            group_by: self.group_by.clone(),
            kpi: self.kpi.clone(),
        })
    }
}

/// The first day of a month like `2026-03`.
fn first_of(month: &str) -> Result<NaiveDate, ApiError> {
    parse_date(&format!("{month}-01")).map_err(|_| {
        let detail = format!("`month={month}` is refused; accepted is a month like `2026-03`");
        ApiError::new(Code::InvalidQuery, detail)
    })
}

#[derive(Template)]
#[template(path = "reports.html", config = "src/console/askama.toml")]
struct ReportsPage {
    shell: Shell,
    query: ReportQuery,
    /// The month of the form.
    month: String,
    flows: Vec<Choice>,
    groupings: Vec<Choice>,
    /// Where the table is.
    table: String,
    /// The same report of every KPI, where one was chosen.
    whole: Option<String>,
}

/// Shows what was asked for; the table comes after it.
///
/// # Errors
/// Somebody who reads no reports, or a month that there is not.
pub async fn reports(visitor: Visitor, Query(query): Query<ReportQuery>) -> Result<Response, ApiError> {
    check_reader(&visitor.caller)?;
    let query = query.dated(&visitor);
    query.window()?;
    let lang = visitor.lang;
    let by_dates = query.from.is_some() || query.to.is_some();
    let grouping = |name: &&str| Choice {
        value: (*name).to_owned(),
        text: grouping(name, lang).to_owned(),
        chosen: query.group_by.as_deref() == Some(*name),
    };
    let whole = ReportQuery { kpi: None, ..query.clone() };
    let shown = ReportsPage {
        shell: visitor.shell(Part::Reports, lang.t("Reports", "报表")),
        month: query.month.clone().filter(|_| !by_dates).unwrap_or_default(),
        flows: flows(&visitor.engine, query.workflow.as_deref(), lang),
        groupings: GROUPINGS.iter().map(grouping).collect(),
        table: format!("/reports/table?{}", query.encoded()),
        whole: query.kpi.is_some().then(|| format!("/reports?{}", whole.encoded())),
        query,
    };
    page::page(&shown)
}

/// What people call the group `name` of what is grouped by `by`.
pub fn group(name: &str, by: &str, visitor: &Visitor) -> String {
    let lang = visitor.lang;
    let title = |definition: &Definition| lang.of(&definition.title).to_owned();
    match by {
        _ if name == NO_VALUE => lang.t("(none)", "（未填写）").to_owned(),
        "flow" => visitor.engine.definition(name).map_or_else(|| name.to_owned(), |found| title(&found)),
        "channel" | "tier" | "priority" | "category" => words::value(name, None, lang),
        "owner" => words::owner(name, lang),
        "hour" => format!("{name}:00"),
        _ => name.to_owned(),
    }
}

/// What a grouping is called.
pub fn grouping(name: &str, lang: Lang) -> &str {
    match name {
        "flow" => lang.t("Flow", "流程"),
        "channel" => lang.t("Channel", "渠道"),
        "tier" => lang.t("Tier", "客户等级"),
        "priority" => lang.t("Priority", "优先级"),
        "category" => lang.t("Category", "类别"),
        "owner" => lang.t("Owner", "负责人"),
        "first_owner" => lang.t("First owner", "首问负责人"),
        "department" => lang.t("Department", "责任部门"),
        "agent" => lang.t("Agent", "客服人员"),
        "month" => lang.t("Month", "月份"),
        "hour" => lang.t("Hour of the day", "时段"),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_a_window_unless_dates_are_given() {
        let month = ReportQuery { month: Some("2026-03".into()), ..ReportQuery::default() };
        assert_eq!(month.window().unwrap(), (Some("2026-03-01".into()), None));
        let dates = ReportQuery { from: Some("2026-01-05".into()), ..month.clone() };
        assert_eq!(dates.window().unwrap(), (Some("2026-01-05".into()), None));
        for text in ["2026-13", "March", "2026", "2026-3-1"] {
            let wrong = ReportQuery { month: Some(text.into()), ..month.clone() };
            assert_eq!(wrong.window().unwrap_err().code(), Code::InvalidQuery, "{text}");
        }
        assert_eq!(ReportQuery::default().window().unwrap(), (None, None));
    }
}
