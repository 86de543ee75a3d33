"""Who and what there is in the made-up city. No name or number belongs to anybody."""
# ruff: noqa: E501

from __future__ import annotations

from typing import NamedTuple

# (code, name, above, kind)
UNITS: tuple[tuple[str, str, str | None, str], ...] = (
    ("chengguan", "城市管理局", None, "bureau"),
    ("zhujian", "住房和城乡建设局", None, "bureau"),
    ("huanbao", "生态环境局", None, "bureau"),
    ("jiaotong", "交通运输局", None, "bureau"),
    ("gongan", "公安局交警支队", None, "bureau"),
    ("renshe", "人力资源和社会保障局", None, "bureau"),
    ("yibao", "医疗保障局", None, "bureau"),
    ("shichang", "市场监督管理局", None, "bureau"),
    ("water", "水务集团", None, "utility"),
    ("heat", "供热集团", None, "utility"),
    ("12330", "12330 知识产权热线", None, "hotline"),
    ("donghe", "东河区", None, "district"),
    ("xishan", "西山区", None, "district"),
    ("gaoxin", "高新区", None, "district"),
    ("donghe-jiefang", "东河区解放街道", "donghe", "street"),
    ("donghe-heping", "东河区和平街道", "donghe", "street"),
    ("xishan-linjiang", "西山区临江街道", "xishan", "street"),
    ("gaoxin-keji", "高新区科技街道", "gaoxin", "street"),
    ("heping-yi", "和平街道第一社区", "donghe-heping", "community"),
    ("jiefang-er", "解放街道第二社区", "donghe-jiefang", "community"),
)

# (category, topic, district, unit, co-handlers, why)
DIRECTORY: tuple[tuple[str | None, str | None, str | None, str, tuple[str, ...], str], ...] = (
    (None, "停水", None, "water", (), "供水条例"),
    (None, "暖气不热", None, "heat", (), "供热条例"),
    (None, "夜间施工噪声", None, "huanbao", ("zhujian",), "噪声污染防治法第三十九条"),
    (None, "油烟扰民", None, "huanbao", (), "大气污染防治法第八十一条"),
    (None, "占道经营", None, "chengguan", (), "市容环境卫生管理条例"),
    (None, "占道经营", "东河区", "donghe-jiefang", ("chengguan",), "权责清单：街道先行处置"),
    (None, "井盖缺失", None, "zhujian", (), "城市道路管理条例"),
    (None, "路灯不亮", None, "chengguan", (), "权责清单"),
    (None, "违章停车", None, "gongan", (), "道路交通安全法"),
    (None, "公交不准点", None, "jiaotong", (), "公共汽电车管理规定"),
    (None, "拖欠工资", None, "renshe", (), "保障农民工工资支付条例"),
    (None, "医保报销", None, "yibao", (), "权责清单"),
    (None, "消费纠纷", None, "shichang", (), "消费者权益保护法"),
    ("report", None, None, "shichang", (), "举报事项通用"),
    (None, None, "东河区", "donghe", (), "属地管理"),
    (None, None, "西山区", "xishan", (), "属地管理"),
    (None, None, "高新区", "gaoxin", (), "属地管理"),
)

DISTRICTS = ("东河区", "西山区", "高新区")
STREETS = (
    *("建设路", "解放路", "和平路", "临江大道", "科技一路", "人民街", "胜利街", "学府路"),
    *("东湖花园", "锦绣家园", "幸福里小区", "阳光新城"),
)


class Matter(NamedTuple):
    """What a citizen calls about; `{place}` and `{days}` are filled in."""

    category: str
    topic: str
    title: str
    body: str
    result: str


MATTERS: tuple[Matter, ...] = (
    Matter("help", "停水", "{place}停水", "市民反映{place}自{days}天前起停水，物业称为管道检修，"
           "至今未恢复，家中有老人，要求尽快供水。", "已派抢修人员更换破损管段，当日恢复供水并上门告知。"),
    Matter("help", "暖气不热", "{place}暖气不热", "市民反映{place}室内温度只有 15 度，已持续{days}天，"
           "多次联系供热站未解决。", "已上门清洗过滤器并排气，实测室温 20 度，市民确认。"),
    Matter("complaint", "夜间施工噪声", "{place}夜间施工噪声扰民", "市民反映{place}工地连续{days}晚施工至"
           "凌晨两点，影响休息，要求停止夜间施工。", "已现场检查，责令停止夜间施工并立案处罚。"),
    Matter("complaint", "油烟扰民", "{place}餐饮店油烟直排", "市民投诉{place}餐饮店未装油烟净化设备，油烟直排"
           "居民楼，已持续{days}天。", "已责令安装净化设施，限期整改，复查合格。"),
    Matter("complaint", "占道经营", "{place}早市占道", "市民投诉{place}早市占用机动车道，通行困难，已有{days}天。",
           "已劝离并安排早间值守，引导摊贩进入便民市场。"),
    Matter("emergency", "井盖缺失", "{place}井盖缺失", "{place}机动车道井盖缺失，存在安全隐患，请立即处置。",
           "一小时内到场设置围挡，已更换井盖。"),
    Matter("help", "路灯不亮", "{place}路灯不亮", "市民反映{place}一段路灯{days}天不亮，夜间出行不便。",
           "已更换损坏线路和灯具，恢复照明。"),
    Matter("report", "违章停车", "{place}人行道违停", "市民举报{place}人行道长期停满车辆，行人只能走车行道。",
           "已拖移 6 辆，增设隔离桩并加强巡查。"),
    Matter("suggestion", "公交不准点", "建议{place}增加公交班次", "市民建议{place}早高峰增加班次，目前等车常超过"
           "二十分钟。", "已调整早高峰发车间隔为八分钟。"),
    Matter("complaint", "拖欠工资", "{place}工地拖欠工资", "市民反映在{place}工地务工，被拖欠工资{days}天，涉及 12 人。",
           "已约谈用人单位，工资全部发放，凭证存档。"),
    Matter("inquiry", "医保报销", "咨询异地就医报销", "市民咨询异地就医后如何报销、需要哪些材料。",
           "已电话告知备案和报销流程，市民表示清楚。"),
    Matter("complaint", "消费纠纷", "{place}健身房不退款", "市民投诉{place}健身房关门，办卡不满{days}天，要求退款。",
           "经调解，商家按剩余天数退款。"),
)  # fmt: skip

SURNAMES = "王李张刘陈杨赵黄周吴徐孙"
AGENTS = ("周婷", "吴昊", "孙丽", "马超", "胡雪梅", "杨帆", "赵磊", "陈静")
