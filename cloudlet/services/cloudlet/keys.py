"""The service stores nothing of its own."""


class Keys:
    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
