"""The fixed cast: twelve fictitious customers, each in the sandbox for a reason.

| key                    | who                                                                          | story |
| ---------------------- | ---------------------------------------------------------------------------- | ----- |
| sanne-de-wit           | bought a coffee machine, complained about it twice, agreed to marketing       | 1     |
| daan-van-dijk          | nothing speaks against a mail; has told partners nothing yet                  | 1, 3  |
| fatima-el-amrani       | known by her own phone number, in all four systems                            | 2     |
| lotte-jansen           | moves house; her CRM record cannot hold an e-mail address                     | 4     |
| pieter-van-den-heuvel  | one man under three spellings, in three sets of records that nobody linked    | 5     |
| pieter-junior          | his son of the same name at the same address, a minor                         | 5     |
| mila-hendriks          | complained by chat about yesterday's delivery, has an overdue invoice         | 6     |
| tom-hendriks           | of the same household, on the same phone                                      | 6     |
| bram-ter-horst         | a former customer whose invoices billing must keep                            | 7     |
| de-ketting             | a company with a KvK number and two billing accounts                          |       |
| emma-visser            | a prospect: no purchases                                                      |       |
| hendrik-smit           | deceased, and marketing does not know it                                      |       |

The people, their numbers and their addresses are invented: mail goes to example.nl, example.com and example.org.
"""

from datetime import date

from klantbeeld.sandbox.cast_customers import (
    bram_ter_horst,
    de_ketting,
    emma_visser,
    hendrik_smit,
    mila_hendriks,
    tom_hendriks,
)
from klantbeeld.sandbox.cast_stories import (
    daan_van_dijk,
    fatima_el_amrani,
    lotte_jansen,
    pieter_junior,
    pieter_van_den_heuvel,
    sanne_de_wit,
)
from klantbeeld.sandbox.facts import CastMember

MAKERS = (
    sanne_de_wit,
    daan_van_dijk,
    fatima_el_amrani,
    lotte_jansen,
    pieter_van_den_heuvel,
    pieter_junior,
    mila_hendriks,
    tom_hendriks,
    bram_ter_horst,
    de_ketting,
    emma_visser,
    hendrik_smit,
)


def make_cast(today: date) -> tuple[CastMember, ...]:
    """Return the twelve as they are on ``today``."""
    return tuple(make(today) for make in MAKERS)
