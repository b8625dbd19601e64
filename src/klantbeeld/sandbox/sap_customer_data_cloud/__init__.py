"""SAP Customer Data Cloud (Gigya): accounts with profile, data, preferences and subscriptions."""

from klantbeeld.sandbox.sap_customer_data_cloud.app import create_app

__all__ = ["create_app"]
