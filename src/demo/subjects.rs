//! Owns what the demo's customers ask about.

/// What somebody asks: words, category and kind of problem.
pub(super) struct Subject {
    /// In the customer's words.
    pub text: &'static str,
    /// The category.
    pub category: &'static str,
    /// The kind of problem.
    pub problem: &'static str,
    /// Who and what is affected.
    pub scope: &'static str,
    /// The department that knows.
    pub department: &'static str,
}

const fn subject(
    text: &'static str,
    category: &'static str,
    problem: &'static str,
    scope: &'static str,
    department: &'static str,
) -> Subject {
    Subject { text, category, problem, scope, department }
}

/// Questions as they come in.
pub(super) const SUBJECTS: &[Subject] = &[
    subject("发票抬头开错了，能重开吗？", "after_sale", "invoice", "一张发票", "finance"),
    subject(
        "How do I change the VAT number on my invoice?",
        "after_sale",
        "invoice",
        "one invoice",
        "finance",
    ),
    subject("订单付款后一直显示待发货", "in_sale", "delivery", "一个订单", "sales"),
    subject("My order has been 'in transit' for eight days", "in_sale", "delivery", "one order", "sales"),
    subject("旗舰版和专业版有什么区别？", "pre_sale", "product", "选型", "sales"),
    subject("Does the annual plan include on-site training?", "pre_sale", "pricing", "a purchase", "sales"),
    subject("批量采购 50 套有折扣吗？", "pre_sale", "pricing", "50 个席位", "sales"),
    subject("登录后提示账号被锁定", "after_sale", "account", "一个账号", "technology"),
    subject(
        "I cannot reset my password: the mail never arrives",
        "after_sale",
        "account",
        "one account",
        "technology",
    ),
    subject("导出报表时系统报错 500", "after_sale", "fault", "整个财务部", "technology"),
    subject(
        "The mobile app crashes when I open a shared folder",
        "after_sale",
        "fault",
        "eleven users",
        "technology",
    ),
    subject("设备开机后风扇噪音很大", "after_sale", "hardware", "一台设备", "service"),
    subject(
        "The scanner jams on every second page",
        "after_sale",
        "hardware",
        "one branch office",
        "service",
    ),
    subject("保修期从哪天开始算？", "after_sale", "warranty", "一台设备", "service"),
    subject(
        "Is water damage covered by the extended warranty?",
        "after_sale",
        "warranty",
        "one device",
        "service",
    ),
    subject("合同到期后数据保留多久？", "other", "contract", "全部数据", "legal"),
    subject("We need the signed data processing agreement", "other", "contract", "our audit", "legal"),
    subject("收货地址填错了，怎么修改？", "in_sale", "delivery", "一个订单", "sales"),
    subject("Please split the order into two deliveries", "in_sale", "order", "one order", "sales"),
    subject("接口调用频率限制是多少？", "pre_sale", "technical", "系统对接", "technology"),
    subject("Webhook signatures fail since this morning", "after_sale", "fault", "our shop", "technology"),
    subject("积分没有到账", "after_sale", "membership", "一笔积分", "sales"),
    subject("想预约一次上门安装", "in_sale", "installation", "一处门店", "service"),
    subject(
        "The installer did not come at the agreed time",
        "in_sale",
        "installation",
        "one site",
        "service",
    ),
];

/// What somebody complains about.
pub(super) struct Grievance {
    /// What happened, in the customer's words.
    pub facts: &'static str,
    /// What the customer wants.
    pub remedy: &'static str,
    /// Why, as the customer says.
    pub cause: &'static str,
    /// What it is about; a person is whoever the demo names.
    pub about: About,
    /// The department that investigates.
    pub department: &'static str,
    /// Why it happened, as the department finds.
    pub root_cause: &'static str,
}

/// What a complaint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Somebody of the staff.
    Person,
    /// A department.
    Department,
    /// A product.
    Product(&'static str),
}

const fn grievance(
    words: (&'static str, &'static str),
    cause: &'static str,
    about: About,
    (department, root_cause): (&'static str, &'static str),
) -> Grievance {
    let (facts, remedy) = words;
    Grievance { facts, remedy, cause, about, department, root_cause }
}

/// Complaints as they come in.
pub(super) const GRIEVANCES: &[Grievance] = &[
    grievance(
        ("客服态度冷淡，中途挂断电话", "当面道歉"),
        "attitude",
        About::Person,
        ("service", "communication"),
    ),
    grievance(
        ("The agent kept interrupting me and would not listen", "an apology"),
        "attitude",
        About::Person,
        ("service", "communication"),
    ),
    grievance(
        ("连续三次答复互相矛盾", "给出准确答复"),
        "competence",
        About::Person,
        ("service", "product_training"),
    ),
    grievance(
        ("退款申请两周没有处理", "立即退款并补偿"),
        "response_time",
        About::Department,
        ("finance", "refund_approval"),
    ),
    grievance(
        ("I was charged twice for the same invoice", "the second charge back"),
        "price",
        About::Department,
        ("finance", "billing_run"),
    ),
    grievance(
        ("新设备用了三天就黑屏", "换一台新的"),
        "product",
        About::Product("display-27"),
        ("technology", "power_board"),
    ),
    grievance(
        ("The update deleted our saved reports", "restore the reports"),
        "product",
        About::Product("reports-app"),
        ("technology", "release_check"),
    ),
    grievance(("快递放在门口丢失", "重新发货"), "logistics", About::Department, ("sales", "carrier")),
    grievance(
        ("The price on the contract is not the one that was offered", "the offered price"),
        "price",
        About::Department,
        ("sales", "quotation"),
    ),
    grievance(
        ("我的手机号被泄露给第三方", "书面说明原因"),
        "privacy",
        About::Department,
        ("legal", "data_export"),
    ),
];
