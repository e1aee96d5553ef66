"""Names for the demo site's buildings, and what it calls the kinds that they are drawn as."""

PLACES = {
    "africa": (
        "Lagos, Nigeria",
        "Nairobi, Kenya",
        "Cape Town, South Africa",
        "Cairo, Egypt",
        "Gando, Burkina Faso",
        "Dakar, Senegal",
    ),
    "asia": ("Tokyo, Japan", "Shanghai, China", "Mumbai, India", "Seoul, South Korea", "Hanoi, Vietnam", "Bangkok, Thailand"),
    "australia": ("Sydney, Australia", "Melbourne, Australia", "Hobart, Australia", "Auckland, New Zealand"),
    "central-america": ("San José, Costa Rica", "Antigua, Guatemala", "Panama City, Panama", "Havana, Cuba"),
    "europe": ("Madrid, Spain", "Porto, Portugal", "Berlin, Germany", "Paris, France", "Oslo, Norway", "Prague, Czech Republic"),
    "middle-east": ("Tehran, Iran", "Tel Aviv, Israel", "Istanbul, Turkey", "Dubai, United Arab Emirates", "Beirut, Lebanon"),
    "north-america": ("New York, United States", "Austin, United States", "Toronto, Canada", "Mexico City, Mexico"),
    "south-america": ("São Paulo, Brazil", "Santiago, Chile", "Buenos Aires, Argentina", "Bogotá, Colombia"),
}
WORDS = (
    "Amber",
    "Birch",
    "Canal",
    "Dune",
    "Elm",
    "Fjord",
    "Garden",
    "Harbour",
    "Island",
    "Juniper",
    "Lantern",
    "Meadow",
    "River",
)
RESIDENTIAL, CULTURAL, COMMERCIAL = "Residential Architecture", "Cultural Architecture", "Commercial & Offices"
THINGS = {
    RESIDENTIAL: ("House", "Cabin", "Studio"),
    CULTURAL: ("Library", "Pavilion", "School", "Museum", "Chapel", "Market", "Station"),
    COMMERCIAL: ("Tower", "Offices", "Hotel", "Exchange"),
}
STYLES = {
    "plain": "modern architecture",
    "brick": "brick expressionism",
    "timber": "timber framing",
    "stripes": "international style",
    "glass": "high-tech architecture",
    "lattice": "Moorish Revival architecture",
    "boards": "shingle style architecture",
}
"""What the site calls the style of a building, by the texture of its walls."""

PHOTOGRAPHERS = ("Ana Lente", "Ben Okoro", "Chiara Vista", "Dae Lim", "Eva Norr", "Farid Nazari")
OFFICES = ("Atelier Nord", "Studio Vela", "Oficina Clara", "Karo Partners", "Tomo and Sons", "Büro Linden", "Mara Works")
