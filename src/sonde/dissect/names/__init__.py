"""Messages of the Domain Name System, which DNS, mDNS, LLMNR and the NetBIOS name service share."""
